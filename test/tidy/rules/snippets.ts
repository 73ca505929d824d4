/** Code in words: the TypeScript blocks of the documents and the `@example`s of TSDoc comments, as files that compile. */
import ts from 'typescript';
import { everyNode, place, type Source } from '../support/syntax.js';

/** One piece of code that a reader may copy. */
export interface Snippet {
  /** Where it stands, for the finding. */
  readonly place: string;
  readonly code: string;
}

/** The ```ts blocks of a document. */
export function snippetsOfDocument(path: string, text: string): readonly Snippet[] {
  return [...text.matchAll(/^```ts\n([\s\S]*?)^```/gm)].map((match) => ({
    place: `${path}:${text.slice(0, match.index).split('\n').length}`,
    code: match[1]!,
  }));
}

/** The examples in the TSDoc comments of a file. */
export function snippetsOfSource(source: Source): readonly Snippet[] {
  const snippets: Snippet[] = [];
  const seen = new Set<ts.Node>();
  everyNode(source.tree, (node) => {
    for (const tag of ts.getJSDocTags(node)) {
      if (tag.tagName.text !== 'example' || seen.has(tag)) continue;
      seen.add(tag);
      snippets.push({ place: place(source, tag), code: ts.getTextOfJSDocComment(tag.comment) ?? '' });
    }
  });
  return snippets;
}

/** What a snippet may use without saying where it comes from. */
export interface Prelude {
  /** Module specifier → names that are imported from it, unless the snippet imports them itself. */
  readonly imports: Readonly<Record<string, readonly string[]>>;
  readonly declarations: string;
}

/** The snippet as a module: its own imports at the top, the rest in a function, so that `await` and shadowing work. */
export function moduleOf(snippet: Snippet, prelude: Prelude): string {
  const { statements } = ts.createSourceFile('snippet.ts', snippet.code, ts.ScriptTarget.ES2022, true);
  const own = statements.filter(ts.isImportDeclaration).map((one) => one.getText());
  const body = statements
    .filter((one) => !ts.isImportDeclaration(one))
    .map((one) => one.getText().replace(/^export /, ''));
  const isOwn = (name: string) => own.some((text) => new RegExp(`\\b${name.split(' ').at(-1)}\\b.* from`).test(text));
  const given = Object.entries(prelude.imports).map(
    ([module, names]) => `import { ${names.filter((name) => !isOwn(name)).join(', ')} } from '${module}';`,
  );
  return [...given, ...own, prelude.declarations, 'export async function snippet() {', ...body, '}'].join('\n');
}

/** Compiles modules in memory against the sources of the project; findings name the snippet's place. */
export function compileFindings(
  root: string,
  modules: ReadonlyMap<string, string>,
  options: ts.CompilerOptions,
): readonly string[] {
  const files = new Map(
    [...modules].map(([where, text], index) => [`${root}/test/tidy/snippet-${index}.ts`, { where, text }]),
  );
  const host = ts.createCompilerHost(options);
  const { readFile, fileExists, getSourceFile } = host;
  host.readFile = (path) => files.get(path)?.text ?? readFile.call(host, path);
  host.fileExists = (path) => files.has(path) || fileExists.call(host, path);
  host.getSourceFile = (path, target, ...rest) => {
    const own = files.get(path);
    return own ? ts.createSourceFile(path, own.text, target, true) : getSourceFile.call(host, path, target, ...rest);
  };
  const program = ts.createProgram([...files.keys()], options, host);
  return [...files].flatMap(([path, { where }]) => {
    const source = program.getSourceFile(path)!;
    return [...program.getSyntacticDiagnostics(source), ...program.getSemanticDiagnostics(source)].map(
      (one) => `${where} ${ts.flattenDiagnosticMessageText(one.messageText, ' ')}`,
    );
  });
}
