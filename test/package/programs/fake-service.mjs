// The SDK alone, as a user's own test would run it: against the fake service of fusewire/testing.
import { BudgetExceededError, createFusewire } from 'fusewire';
import { createFakeClock, startFakeService } from 'fusewire/testing';
import { runWithFakeService } from './run-fake-service.cjs';

await runWithFakeService({ BudgetExceededError, createFusewire, createFakeClock, startFakeService });
