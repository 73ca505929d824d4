import { describe, expect, it } from 'vitest';
import { type Dependencies, importFindings, isEsmOnly, readDependencies } from './rules/imports.js';
import { parse, projectSources } from './support/syntax.js';

const dependencies: Dependencies = { sdk: new Set(['undici', 'tokenx']), service: new Set(['fastify', 'fusewire']) };
const findings = (path: string, text: string) =>
  importFindings(parse(path, text), dependencies).map((one) => one.replace(/^\S+ /, ''));

describe('the import rule', () => {
  it('holds in every file of the product', () => {
    const real = readDependencies();
    expect(projectSources().flatMap((source) => importFindings(source, real))).toEqual([]);
  });

  it('lets enforcement have types of src/wire and nothing else', () => {
    expect(findings('enforcement/a.ts', "import type { Rule } from '../src/wire/feed.js';")).toEqual([]);
    expect(findings('enforcement/a.ts', "import { type Rule } from '../src/wire/feed.js';")).toEqual([]);
    expect(findings('enforcement/a.ts', "type T = import('../src/wire/feed.js').Rule;")).toEqual([]);
    expect(findings('enforcement/a.ts', "import { decide } from './decide.js';")).toEqual([]);
    expect(findings('enforcement/a.ts', "import { Rule } from '../src/wire/feed.js';")).toEqual([
      'enforcement must not import src/wire/feed.js',
    ]);
    expect(findings('enforcement/a.ts', "import { type Rule, parse } from '../src/wire/feed.js';")).toHaveLength(1);
    expect(findings('enforcement/a.ts', "import '../src/wire/feed.js';")).toHaveLength(1);
    expect(findings('enforcement/a.ts', "import type { Runtime } from '../src/runtime.js';")).toHaveLength(1);
    expect(findings('enforcement/a.ts', "export { x } from '../cache/rule-cache.js';")).toHaveLength(1);
    expect(findings('enforcement/a.ts', "import { readFileSync } from 'node:fs';")).toHaveLength(1);
    expect(findings('enforcement/a.ts', "import { z } from 'undici';")).toHaveLength(1);
  });

  it('lets the cache have enforcement, the wire, the runtime and the log', () => {
    const allowed = [
      '../enforcement/decide.js',
      '../src/wire/feed.js',
      '../src/runtime.js',
      '../src/log.js',
      './poller.js',
    ];
    for (const path of allowed) expect(findings('cache/a.ts', `import { x } from '${path}';`)).toEqual([]);
    expect(findings('cache/a.ts', "import type { Config } from '../src/config.js';")).toEqual([
      'cache must not import types of src/config.js',
    ]);
    expect(findings('cache/deep/a.ts', "const x = await import('../../src/call.js');")).toHaveLength(1);
  });

  it('keeps every folder out of the service, and the service out of everything but fusewire/internal', () => {
    expect(findings('src/a.ts', "import { x } from '../service/store/store.js';")).toHaveLength(1);
    expect(findings('src/a.ts', "import { x } from '@fusewire/service';")).toHaveLength(1);
    expect(findings('service/a.ts', "import { x } from 'fusewire/internal';")).toEqual([]);
    expect(findings('service/a.ts', "import { x } from 'fusewire';")).toHaveLength(1);
    expect(findings('service/a.ts', "import type { x } from '../src/call.js';")).toHaveLength(1);
  });

  it('holds each package to its own dependencies', () => {
    expect(findings('src/a.ts', "import { x } from 'undici';")).toEqual([]);
    expect(findings('src/a.ts', "import { x } from 'fastify';")).toHaveLength(1);
    expect(findings('src/a.ts', "import type OpenAI from 'openai';")).toHaveLength(1);
    expect(findings('service/a.ts', "import fastify from 'fastify';")).toEqual([]);
    expect(findings('service/a.ts', "import { x } from 'undici';")).toHaveLength(1);
    expect(findings('service/a.ts', "const x = require('express');")).toHaveLength(1);
    expect(findings('src/a.ts', "import { join } from 'path';")).toHaveLength(1);
  });

  it('wants endings, and a dynamic import of what has no CommonJS build', () => {
    expect(findings('src/a.ts', "import { x } from './b';")).toHaveLength(1);
    expect(findings('src/a.ts', "import { x } from 'tokenx';")).toHaveLength(1);
    expect(findings('src/a.ts', "const x = await import('tokenx');")).toEqual([]);
    expect(findings('src/a.ts', "import type { x } from 'tokenx';")).toEqual([]);
    expect(['undici', 'zod', 'lru-cache', 'proper-lockfile', 'import-in-the-middle'].filter(isEsmOnly)).toEqual([]);
  });
});
