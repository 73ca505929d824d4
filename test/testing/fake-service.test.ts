import { startFakeService } from '../../src/testing/fake-service.js';
import { describeServiceContract } from '../helpers/service-contract.js';
import { describeServiceExtensions, type ExtendedService } from '../helpers/service-extensions.js';

async function start(): Promise<ExtendedService> {
  const service = await startFakeService();
  return {
    url: service.url,
    teamId: service.teamId,
    apiKey: service.apiKey,
    trip: async () => service.setRules([{ name: 'Cap', breached: true }]),
    stored: async () => service.events.map((event) => String(event['transactionId'])),
    release: async () => service.setRules([{ name: 'Cap', breached: false, threshold: 2 }]),
    close: () => service.close(),
  };
}

describeServiceContract('the fake service', start);
describeServiceExtensions('the fake service', start);
