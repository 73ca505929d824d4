import { openEmbeddedStoreBriefly } from '../../service/admin/embedded-store.js';
import { startLoopService } from '../helpers/loop-service.js';
import { describeServiceContract } from '../helpers/service-contract.js';
import { describeServiceExtensions, type ExtendedService } from '../helpers/service-extensions.js';

async function start(): Promise<ExtendedService> {
  const service = await startLoopService(Date.now, openEmbeddedStoreBriefly);
  let control = '';
  return {
    url: service.url,
    teamId: service.teamId,
    apiKey: String(service.options.apiKey),
    async trip() {
      control = (await service.createControl({ name: 'Cap', metricType: 'TOTAL_COST', hardLimit: 0 })).id;
    },
    release: () => service.patchControl(control, { hardLimit: 1_000 }),
    stored: async () => (await service.events()).map((event) => event.transactionId).reverse(),
    close: () => service.close(),
  };
}

describeServiceContract('the service', start);
describeServiceExtensions('the service', start);
