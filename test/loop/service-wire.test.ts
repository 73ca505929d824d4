import { openEmbeddedStoreBriefly } from '../../service/admin/embedded-store.js';
import { startLoopService } from '../helpers/loop-service.js';
import { describeServiceContract } from '../helpers/service-contract.js';

describeServiceContract('the service', async () => {
  const service = await startLoopService(Date.now, openEmbeddedStoreBriefly);
  return {
    url: service.url,
    teamId: service.teamId,
    apiKey: String(service.options.apiKey),
    trip: async () => void (await service.createControl({ name: 'Cap', metricType: 'TOTAL_COST', hardLimit: 0 })),
    stored: async () => (await service.events()).map((event) => event.transactionId).reverse(),
    close: () => service.close(),
  };
});
