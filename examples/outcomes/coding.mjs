// Coding agents: plan, edit, test; a change is merged, or handed to a person.
// Run it: node examples/outcomes/coding.mjs --failure-rate 0.3
import { runFleet } from './agents.mjs';

await runFleet({
  type: 'coding',
  agent: 'coder',
  steps: [
    { tool: 'read-files', prompt: 'What does this module do?' },
    { tool: 'edit-files', prompt: 'Write the change.' },
    { tool: 'run-tests', prompt: 'Why does this test fail?' },
  ],
  defaultMix: 'CONVERTED=6,ESCALATED=3,UNSUCCESSFUL=1',
  worthOf: (outcome, random) => (outcome === 'CONVERTED' ? Math.round(40 + random() * 160) : 0),
  qualityKey: 'tests-passed',
});
