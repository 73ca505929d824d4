// Support agents: a question is answered (deflected), or a person takes over (escalated).
// Run it: node examples/outcomes/support.mjs --jobs 20 --mix DEFLECTED=8,ESCALATED=2
import { runFleet } from './agents.mjs';

await runFleet({
  type: 'support',
  agent: 'helper',
  steps: [
    { tool: 'search-articles', prompt: 'What is the question about?' },
    { tool: 'reply', prompt: 'Write the answer.' },
  ],
  defaultMix: 'DEFLECTED=7,ESCALATED=3',
  worthOf: (outcome) => (outcome === 'DEFLECTED' ? 12 : 0),
  qualityKey: 'satisfaction',
});
