import type { SERVICE_VARIABLES } from '../service/config.js';
import type { GATEWAY_VARIABLES } from '../service/gateway/gateway-config.js';
import type { EnvExampleRow } from './render-env-example.js';

type ServiceVariable = (typeof SERVICE_VARIABLES)[number] | (typeof GATEWAY_VARIABLES)[number];

/** What `.env.example` says of each variable of the service. A variable that is missing here does not compile. */
const WORDS: Readonly<Record<ServiceVariable, Omit<EnvExampleRow, 'name'>>> = {
  HOST: { fallback: '127.0.0.1', meaning: 'Address that the service listens on.' },
  PORT: { fallback: '8787', meaning: 'Port that the service listens on; 0 takes a free one.' },
  FUSEWIRE_DATA_DIR: {
    fallback: 'fusewire-data',
    meaning: 'Folder of the database and the secrets. Delete it to start over.',
  },
  DATABASE_URL: {
    meaning:
      'PostgreSQL as postgres://user:password@host/database, or SQLite as file:PATH. Default: fusewire.db in FUSEWIRE_DATA_DIR.',
  },
  FUSEWIRE_WEBHOOK_ALLOW_PRIVATE: {
    meaning:
      'true: webhooks may call private networks. false: not even this machine. Default: this machine, while HOST is it.',
  },
  FUSEWIRE_KEY_RATE_PER_SECOND: {
    fallback: '2000',
    meaning: 'Requests a second that one key may send to one process of the service; 0 for no limit.',
  },
  LOG_LEVEL: {
    meaning: 'debug, info, warn, error, fatal or silent. Default: warn in a terminal, else info.',
  },
  GATEWAY_HOST: { fallback: '127.0.0.1', meaning: 'Address that the gateway listens on.' },
  GATEWAY_PORT: { fallback: '8000', meaning: 'Port that the gateway listens on; 0 takes a free one.' },
  OLLAMA_BASE_URL: { fallback: 'http://127.0.0.1:11434', meaning: 'Where the gateway finds Ollama.' },
  OPENAI_API_KEY: {
    meaning: 'The gateway: your key at OpenAI. Set, its models are offered; callers never see it.',
  },
  OPENAI_BASE_URL: {
    fallback: 'https://api.openai.com/v1',
    meaning:
      'The gateway: where OpenAI is. Clients of yours read the same variable: do not point it at the gateway here.',
  },
  ANTHROPIC_API_KEY: {
    meaning: 'The gateway: your key at Anthropic. Set, its models are offered; callers never see it.',
  },
  ANTHROPIC_BASE_URL: { fallback: 'https://api.anthropic.com', meaning: 'The gateway: where Anthropic is.' },
  FUSEWIRE_GATEWAY_CONFIG: {
    meaning: 'The gateway: a JSON file with more upstreams, routes of models, aliases and limits (docs/gateway.md).',
  },
};

/** The rows of `.env.example` for the variables that the service declares, in its order. */
export function serviceRows(names: readonly ServiceVariable[]): readonly EnvExampleRow[] {
  return names.map((name) => ({ name, ...WORDS[name] }));
}
