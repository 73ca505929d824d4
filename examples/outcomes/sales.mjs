// Sales agents: research, write, follow up; a deal is won or not.
// Run it: node examples/outcomes/sales.mjs --jobs 10 --failure-rate 0.1 --mix CONVERTED=3,UNSUCCESSFUL=7
import { runFleet } from './agents.mjs';

await runFleet({
  type: 'sales',
  agent: 'seller',
  steps: [
    { tool: 'crm-lookup', prompt: 'Who is this customer?' },
    { tool: 'send-mail', prompt: 'Write an offer.' },
  ],
  defaultMix: 'CONVERTED=5,UNSUCCESSFUL=4,ESCALATED=1',
  worthOf: (outcome, random) => (outcome === 'CONVERTED' ? Math.round(500 + random() * 4_500) : 0),
  qualityKey: 'fit',
});
