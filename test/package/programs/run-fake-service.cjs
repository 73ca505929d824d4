// What fake-service.mjs and fake-service.cjs do: no provider package is installed, so the call is metered by hand.
exports.runWithFakeService = async ({ BudgetExceededError, createFusewire, createFakeClock, startFakeService }) => {
  const service = await startFakeService();
  const fusewire = createFusewire(service.options);
  if (!(await fusewire.ready())) throw new Error('no rules within the time limit');
  fusewire.checkEnforcement({ agent: 'packed' }, { model: 'gpt-4o-mini', provider: 'OPENAI' });
  fusewire.meter({ model: 'gpt-4o-mini', provider: 'OPENAI', inputTokenCount: 412, outputTokenCount: 96 });
  const delivered = await fusewire.flush();
  await fusewire.close();

  service.setRules([{ name: 'Cap', breached: true }]);
  const later = createFusewire(service.options);
  await later.ready();
  let refused;
  try {
    later.checkEnforcement({}, { model: 'gpt-4o-mini', provider: 'OPENAI' });
  } catch (error) {
    if (!(error instanceof BudgetExceededError)) throw error;
    refused = error.ruleName;
  }
  await later.close();
  await service.close();
  const clock = createFakeClock(5);
  await clock.advance(10);
  console.log(JSON.stringify({ delivered, events: service.events.length, refused, now: clock.now() }));
};
