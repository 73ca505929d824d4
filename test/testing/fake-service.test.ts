import { startFakeService } from '../../src/testing/fake-service.js';
import { describeServiceContract } from '../helpers/service-contract.js';

describeServiceContract('the fake service', async () => {
  const service = await startFakeService();
  return {
    url: service.url,
    teamId: service.teamId,
    apiKey: service.apiKey,
    trip: async () => service.setRules([{ name: 'Cap', breached: true }]),
    stored: async () => service.events.map((event) => String(event['transactionId'])),
    close: () => service.close(),
  };
});
