// Usage metadata for whole functions, from values, arguments and `this`; and metering of selected calls only.
// In TypeScript the same names are decorators of methods: docs/attribution.md. Run it: node examples/decorators.mjs
import { close, flush, guard, ready, reveniumMetadata, reveniumMeter, trackAgent, trackSubscriber } from 'fusewire';
import OpenAI from 'openai';
import { startSetup } from './support/setup.mjs';

const setup = await startSetup({ REVENIUM_SELECTIVE_METERING: 'true' });
const client = guard(new OpenAI());
await ready();

const ask = async (question) => {
  const request = { model: 'gpt-4o-mini', messages: [{ role: 'user', content: question }] };
  return (await client.chat.completions.create(request)).choices[0].message.content;
};

// A fixed agent, the subscriber from the first argument, the task worked out from the second.
const answer = trackAgent('triage')(
  trackSubscriber({ id: { fromArgument: 'id' } })(
    reveniumMetadata((_user, question) => ({ taskType: question.endsWith('?') ? 'question' : 'order' }))(
      (_user, question) => ask(question),
    ),
  ),
);

// A generator carries its metadata each time it is resumed; what its consumer does in between does not.
const answerAll = reveniumMetadata({ organizationName: 'Northwind' })(async function* (user, questions) {
  for (const question of questions) yield await answer(user, question);
});

// Only this is metered; all calls are decided on.
const premium = reveniumMeter()(async (user, questions) => {
  for await (const text of answerAll(user, questions)) console.log('answer:', text.slice(0, 8));
});

await premium({ id: 'u-88' }, ['What is a budget?', 'Stop.']);
await ask('This one is free of metering.');

await flush();
for (const event of (await setup.service.events()).reverse()) {
  console.log('metered:', event.organizationName, event.agent, event.taskType, event.subscriber?.id);
}
await close();
await setup.stop();
