/** Reads a compose file as `docker compose` does: anchors merged, variables put in, and nothing in it that nobody knows. */
import { parse } from 'yaml';
import { z } from 'zod';

const text = z.string();
const texts = z.array(text);
const size = text.regex(/^\d+[mg]$/);
const duration = text.regex(/^\d+(s|m)$/);

const bind = z.strictObject({
  type: z.literal('bind'),
  source: text,
  target: text,
  read_only: z.boolean(),
  bind: z.strictObject({ create_host_path: z.boolean() }),
});

/** The members of the compose specification that are used here; anything else is a slip, or needs a look at it first. */
const service = z.strictObject({
  image: text,
  build: z.strictObject({ context: text }).optional(),
  profiles: texts.optional(),
  restart: z.enum(['no', 'always', 'on-failure', 'unless-stopped']),
  init: z.boolean(),
  user: text.optional(),
  read_only: z.boolean().optional(),
  tmpfs: texts.optional(),
  cap_drop: texts,
  cap_add: texts.optional(),
  security_opt: texts,
  mem_limit: size,
  pids_limit: z.int().optional(),
  shm_size: size.optional(),
  stop_grace_period: duration.optional(),
  command: texts.optional(),
  ports: texts.optional(),
  volumes: z.array(z.union([text, bind])),
  networks: z.union([texts, z.record(text, z.union([z.null(), z.strictObject({ aliases: texts })]))]),
  environment: z.record(text, text).optional(),
  depends_on: z
    .record(
      text,
      z.strictObject({
        condition: z.enum(['service_started', 'service_healthy', 'service_completed_successfully']),
        required: z.boolean().optional(),
      }),
    )
    .optional(),
  logging: z.strictObject({ driver: text, options: z.record(text, text) }),
  healthcheck: z.strictObject({
    test: texts,
    interval: duration,
    timeout: duration,
    start_period: duration,
    retries: z.int().min(1),
  }),
});

const file = z.object({
  name: text,
  services: z.record(text, service),
  networks: z.record(text, z.union([z.null(), z.strictObject({ internal: z.boolean() })])),
  volumes: z.record(text, z.null()),
});

/** A service of the file. */
export type ComposeService = z.infer<typeof service>;
/** The file. */
export type ComposeFile = z.infer<typeof file>;

/** The variables that a file asks for, with what stands in their place when they are not set. */
export function composeVariables(source: string): ReadonlyMap<string, string | undefined> {
  const found = [...uncommented(source).matchAll(/\$\{(\w+)(?::-([^}]*))?\}/g)];
  return new Map(found.map(([, name = '', fallback]) => [name, fallback]));
}

/** Reads a file with these variables set. @throws Error where it is malformed, or a variable has no meaning */
export function readCompose(source: string, env: Readonly<Record<string, string>> = {}): ComposeFile {
  const parsed = fill(parse(source, { merge: true }), env) as Record<string, unknown>;
  for (const name of Object.keys(parsed)) {
    if (!/^(x-.*|name|services|networks|volumes)$/.test(name)) throw new Error(`${name}: no such member`);
  }
  return file.parse(parsed);
}

/** As compose does it: in the texts of what was parsed, so that a value cannot become a member. */
function fill(value: unknown, env: Readonly<Record<string, string>>): unknown {
  if (typeof value === 'string') {
    const text = value.replace(/\$\{(\w+)(?::-([^}]*))?\}/g, (_, name: string, fallback?: string) => {
      const set = env[name];
      return set === undefined || set === '' ? (fallback ?? '') : set;
    });
    if (text.includes('$')) throw new Error(`a $ that is no \${VARIABLE}: ${text}`);
    return text;
  }
  if (Array.isArray(value)) return value.map((item) => fill(item, env));
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, member]) => [name, fill(member, env)]));
}

function uncommented(source: string): string {
  return source.replace(/^\s*#.*$/gm, '');
}

/** Networks that a service is in. */
export function networksOf({ networks }: ComposeService): readonly string[] {
  return Array.isArray(networks) ? networks : Object.keys(networks);
}
