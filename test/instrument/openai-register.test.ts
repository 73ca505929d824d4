/** I1: under `fusewire/register`, a client whose very first use makes media, in each major and both module systems. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type StubWorld, startStubWorld } from '../helpers/stub-world.js';
import { TemporaryProgram } from '../helpers/temporary-program.js';

const TIMEOUT_MS = 30_000;
const FOLDERS = { openai5: 'openai-five', openai: 'openai', openai7: 'openai-seven' };
let program: TemporaryProgram;
let world: StubWorld;
beforeAll(async () => {
  program = new TemporaryProgram().installFusewire();
  for (const [installed, folder] of Object.entries(FOLDERS)) program.installClient(installed, `node_modules/${folder}`);
  const dependencies = { 'openai-five': 'npm:openai@^5.0.0', 'openai-seven': 'npm:openai@^7.0.0' };
  program.write('package.json', JSON.stringify({ name: 'program', dependencies }));
  world = await startStubWorld();
}, TIMEOUT_MS);
afterAll(async () => {
  program.remove();
  await world.close();
});

/** Each from a client of its own, so that each is its first use. */
const USES = `
  const file = new File(['RIFF'], 'a.wav');
  const USES = {
    generate: (c) => c.images.generate({ model: 'gpt-image-1', prompt: 'x' }),
    edit: (c) => c.images.edit({ model: 'gpt-image-1', prompt: 'x', image: file }),
    speech: (c) => c.audio.speech.create({ model: 'tts-1', input: 'x', voice: 'alloy' }),
    transcription: (c) => c.audio.transcriptions.create({ model: 'whisper-1', file }),
    moderation: (c) => c.moderations.create({ input: 'x' }),
  };
  const outcomes = [];
  const main = async (OpenAI, ready) => {
    await ready();
    for (const [name, use] of Object.entries(USES)) {
      const outcome = await use(new OpenAI({ maxRetries: 0 })).then(() => 'answered', (error) => error.name);
      outcomes.push(name + ': ' + outcome);
    }
    console.log(JSON.stringify(outcomes));
    process.exit(0);
  };
`;
const REFUSED = ['generate', 'edit', 'speech', 'transcription', 'moderation'].map(
  (name) => `${name}: BudgetExceededError`,
);

describe.each(Object.entries(FOLDERS))('%s', (_installed, folder) => {
  it.each([
    ['mjs', `import OpenAI from '${folder}'; import { ready } from 'fusewire'; ${USES} await main(OpenAI, ready);`],
    ['cjs', `const OpenAI = require('${folder}'); const { ready } = require('fusewire'); ${USES} main(OpenAI, ready);`],
  ])(
    'refuses media from %s, and sends nothing',
    async (extension, source) => {
      const file = `${folder}.${extension}`;
      program.write(file, source);
      const { code, stdout, stderr } = await program.run(['--import', 'fusewire/register', file], world.trippedEnv());
      expect(code, stderr).toBe(0);
      expect(JSON.parse(stdout.trim().split('\n').at(-1) ?? '')).toEqual(REFUSED);
      expect(world.calls).toHaveLength(0);
    },
    TIMEOUT_MS,
  );
});
