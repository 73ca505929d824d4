// As fake-service.mjs, as CommonJS.
const { BudgetExceededError, createFusewire } = require('fusewire');
const { createFakeClock, startFakeService } = require('fusewire/testing');
const { runWithFakeService } = require('./run-fake-service.cjs');

runWithFakeService({ BudgetExceededError, createFusewire, createFakeClock, startFakeService }).catch((error) => {
  console.error(error);
  process.exitCode = 1;
});
