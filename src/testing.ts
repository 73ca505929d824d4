/** `fusewire/testing`: for users' own tests. A fake service that speaks the wire, and a clock that stands still. */

export type { Runtime } from './runtime.js';
export { createFakeClock, type FakeClock } from './testing/fake-clock.js';
export type { FakeBypass, FakeRule } from './testing/fake-feed.js';
export type { FakeBudget, FakeHardControl } from './testing/fake-hold-book.js';
export { type FakeRequest, type FakeService, startFakeService } from './testing/fake-service.js';
export { createTestFusewire } from './testing/test-fusewire.js';
