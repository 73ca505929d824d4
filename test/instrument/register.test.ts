import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { PATCHABLE_PACKAGES } from '../../src/instrument/client-instruments.js';
import { fileOfUrl, loadedScripts } from '../../src/instrument/register-loaded.js';
import { ownLocation } from '../../src/instrument/register-location.js';
import { aliasesOf, PackageFinder } from '../../src/instrument/register-packages.js';
import { patchNamespace } from '../../src/instrument/register-patch.js';
import { isLoaderThread } from '../../src/instrument/register-thread.js';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'fusewire-register-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

function write(file: string, text: string): string {
  const path = join(folder, file);
  mkdirSync(join(path, '..'), { recursive: true });
  writeFileSync(path, text);
  return path;
}

function install(at: string, name: string, files: readonly string[], version = '6.1.0'): void {
  write(`${at}/package.json`, JSON.stringify({ name, version }));
  for (const file of files) write(`${at}/${file}`, '');
}

const CLASSES = [...PATCHABLE_PACKAGES.values()].flatMap(({ classes }) => classes);

describe('PackageFinder', () => {
  it('knows a copy by its manifest’s name, wherever and under whatever folder it lies', () => {
    install('node_modules/alias', 'openai', ['client.mjs', 'resources/index.mjs']);
    install('node_modules/x/node_modules/ollama', 'ollama', ['dist/browser.cjs'], '0.6.4');
    const finder = new PackageFinder();
    const alias = join(folder, 'node_modules/alias');
    expect(finder.ofClientFile(join(alias, 'client.mjs'))).toEqual({
      name: 'openai',
      version: '6.1.0',
      root: alias,
      isModule: false,
    });
    expect(finder.ofClientFile(join(folder, 'node_modules/x/node_modules/ollama/dist/browser.cjs'))).toMatchObject({
      name: 'ollama',
      version: '0.6.4',
    });
    expect(finder.ofClientFile(join(alias, 'resources/index.mjs'))).toBeUndefined();
  });

  it('passes over other packages, manifests without a name, broken ones and none', () => {
    install('node_modules/openai-like', 'openai-like', ['client.mjs']);
    write('node_modules/broken/package.json', '{');
    write('node_modules/esm/package.json', '{"type":"module"}');
    const finder = new PackageFinder();
    for (const name of ['openai-like', 'broken', 'esm', 'none']) {
      expect(finder.ofClientFile(join(folder, 'node_modules', name, 'client.mjs'))).toBeUndefined();
    }
  });

  it('finds the aliases that a program’s manifest gives', () => {
    write(
      'package.json',
      JSON.stringify({
        name: 'p',
        dependencies: { next: 'npm:openai@7', openai: '6' },
        devDependencies: { o: 'npm:ollama@0.6' },
      }),
    );
    expect(aliasesOf(join(folder, 'src', 'deep')).sort()).toEqual(['next', 'o']);
    expect(aliasesOf('/')).toEqual([]);
  });
});

describe('patchNamespace', () => {
  class Ollama {
    readonly log: string[] = [];
    chat(): string {
      return 'original';
    }
  }

  it('lets the first use adopt the instance and go on in its own guarded method, once', () => {
    class Patched extends Ollama {}
    const adopted: object[] = [];
    const seen = new WeakSet<object>();
    const adopt = (client: object) => {
      if (seen.has(client)) return false;
      seen.add(client);
      adopted.push(client);
      const inner = (client as Ollama).chat;
      Object.defineProperty(client, 'chat', { value: () => `guarded ${inner.call(client)}` });
      return true;
    };
    expect(patchNamespace({ Ollama: Patched }, CLASSES, adopt)).toBe(true);
    expect(patchNamespace({ Ollama: Patched }, CLASSES, adopt)).toBe(true);
    const client = new Patched();
    expect([client.chat(), client.chat()]).toEqual(['guarded original', 'guarded original']);
    expect(adopted).toEqual([client]);
  });

  it.each<[string, unknown]>([
    ['nothing', undefined],
    ['a text', 'OpenAI'],
    ['other exports', { OpenAI: 1, Ollama: {} }],
    ['a class that only has the name', { OpenAI: class {}, Ollama: class {} }],
    ['an arrow function', { OpenAI: () => undefined }],
  ])('finds no client in %s', (_name, exports) => {
    expect(patchNamespace(exports, CLASSES, () => true)).toBe(false);
  });
});

describe('the runtime', () => {
  it('lists the modules that are loaded, and is itself again afterwards', () => {
    const scripts = loadedScripts();
    expect(scripts?.length).toBeGreaterThan(10);
    expect(loadedScripts()?.length).toBeGreaterThanOrEqual(scripts!.length);
  });

  it('tells the file of a module’s URL', () => {
    expect(fileOfUrl('file:///a/b%20c.mjs?iitm=true#x')).toBe('/a/b c.mjs');
    for (const url of ['node:fs', 'data:text/javascript,1', '', 'file:%']) expect(fileOfUrl(url)).toBeUndefined();
  });

  it('tells where this package lies, whatever the program did to stack traces, and leaves those as they were', () => {
    const { prepareStackTrace } = Error;
    const own = () => 'replaced';
    Error.prepareStackTrace = own;
    Error.stackTraceLimit = 3;
    try {
      expect(ownLocation()).toMatch(/register-location\.ts$/);
      expect([Error.prepareStackTrace, Error.stackTraceLimit]).toEqual([own, 3]);
    } finally {
      Error.prepareStackTrace = prepareStackTrace;
      Error.stackTraceLimit = 10;
    }
  });

  it('runs programs in no loader thread', () => {
    expect(isLoaderThread()).toBe(false);
  });
});
