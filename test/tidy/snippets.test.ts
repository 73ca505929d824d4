import { join } from 'node:path';
import ts from 'typescript';
import { describe, expect, it } from 'vitest';
import {
  compileFindings,
  moduleOf,
  type Prelude,
  type Snippet,
  snippetsOfDocument,
  snippetsOfSource,
} from './rules/snippets.js';
import { isIn, isProduct, projectFiles, ROOT, SDK_FOLDERS, textOf } from './support/project.js';
import { parse, projectSources } from './support/syntax.js';

/** What the examples take for granted: the public functions, and a client with a question. */
const PRELUDE: Prelude = {
  imports: {
    fusewire: [
      'BudgetExceededError',
      'checkEnforcement',
      'close',
      'configure',
      'createFusewire',
      'defineProvider',
      'flush',
      'guard',
      'guardFetch',
      'meter',
      'meterTool',
      'ready',
      'reportToolCall',
      'reveniumMetadata',
      'reveniumMeter',
      'setBypass',
      'status',
      'withTraceContext',
      'withUsageMetadata',
    ],
    '@ai-sdk/openai': ['openai'],
    ai: ['embedMany', 'generateText', 'wrapEmbeddingModel', 'wrapLanguageModel'],
    'fusewire/ai-sdk': ['fusewireEmbeddingMiddleware', 'fusewireMiddleware', 'guardEmbeddingModel'],
    'fusewire/outcomes': ['AgenticOutcomeClient'],
    'fusewire/testing': ['createFakeClock', 'createTestFusewire', 'startFakeService'],
    ollama: ['Ollama'],
    openai: ['default as OpenAI'],
  },
  declarations: `
    declare const client: OpenAI;
    declare const messages: OpenAI.ChatCompletionMessageParam[];
    declare const request: never;
    declare class Acme {}`,
};

function compilerOptions(): ts.CompilerOptions {
  const { config } = ts.readConfigFile(join(ROOT, 'tsconfig.json'), ts.sys.readFile);
  const { options } = ts.parseJsonConfigFileContent(config, ts.sys, ROOT, undefined, join(ROOT, 'tsconfig.json'));
  return { ...options, noUnusedLocals: false, noUnusedParameters: false };
}

function findings(snippets: readonly Snippet[]): readonly string[] {
  const modules = new Map(snippets.map((snippet) => [snippet.place, moduleOf(snippet, PRELUDE)]));
  return compileFindings(ROOT, modules, compilerOptions());
}

describe('code in words', () => {
  it('compiles: every example in a TSDoc comment and every TypeScript block in a document', {
    timeout: 180_000,
  }, () => {
    const documents = projectFiles().filter((path) => path.endsWith('.md'));
    const sources = projectSources().filter((source) => isProduct(source.path) && isIn(source.path, SDK_FOLDERS));
    const snippets = [
      ...documents.flatMap((path) => snippetsOfDocument(path, textOf(path))),
      ...sources.flatMap(snippetsOfSource),
    ];
    expect(snippets.length).toBeGreaterThan(5);
    expect(findings(snippets)).toEqual([]);
  });

  it('is found, and found out', { timeout: 180_000 }, () => {
    const document = snippetsOfDocument(
      'a.md',
      'Words.\n\n```ts\nawait flush({ timeout: 1 });\n```\n\n```sh\nnot this\n```\n',
    );
    expect(document).toEqual([{ place: 'a.md:3', code: 'await flush({ timeout: 1 });\n' }]);
    const comment =
      '/**\n * Words.\n *\n * @example\n * const own = guard(client);\n * own.nothing();\n */\nexport const a = 1;';
    const source = snippetsOfSource(parse('src/a.ts', comment));
    expect(source).toHaveLength(1);
    const good = { place: 'good', code: "import { flush } from 'fusewire';\nconst sent: boolean = await flush();" };
    expect(findings([...document, ...source, good])).toEqual([
      expect.stringMatching(/^a\.md:3 .*'timeout' does not exist/),
      expect.stringMatching(/^src\/a\.ts:4 .*'nothing' does not exist/),
    ]);
  });
});
