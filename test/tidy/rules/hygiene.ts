/** Small rules on single files: names, `any`, unfinished work, module state, switched-off tests. */
import ts from 'typescript';
import { isIn, SDK_FOLDERS } from '../support/project.js';
import { everyNode, place, type Source } from '../support/syntax.js';

const KEBAB_CASE = /^[a-z0-9]+(-[a-z0-9]+)*(\.[a-z0-9]+(-[a-z0-9]+)*)*$/;
/** Migrations are numbered: the number, then what it brings. */
const MIGRATION = /^\d{4}_[a-z0-9]+(-[a-z0-9]+)*\.sql$/;
const CODE_FOLDERS = ['src', 'enforcement', 'cache', 'service', 'test', 'bench', 'examples', 'scripts', 'bin', 'docs'];

/** A finding where a file name, or a folder above it, is not kebab-case. README.md keeps its usual name. */
export function fileNameFindings(path: string): readonly string[] {
  if (!isIn(path, CODE_FOLDERS) || path.startsWith('test/fixtures/')) return [];
  const isRight = (name: string) => name === 'README.md' || KEBAB_CASE.test(name) || MIGRATION.test(name);
  const wrong = path.split('/').filter((name) => !isRight(name));
  return wrong.map((name) => `${path}: ${name} is not kebab-case`);
}

/** A finding for every `any`. */
export function anyFindings(source: Source): readonly string[] {
  const findings: string[] = [];
  everyNode(source.tree, (node) => {
    if (node.kind === ts.SyntaxKind.AnyKeyword)
      findings.push(`${place(source, node)} says any: use unknown and narrow it`);
  });
  return findings;
}

// Put together here, so that this file does not find itself.
const UNFINISHED = new RegExp(
  `\\b(${['TO', 'FIX'].map((head) => head + (head === 'TO' ? 'DO' : 'ME')).join('|')}|X{3})\\b`,
);

/** A finding for every mark of unfinished work, in code and documents alike. */
export function unfinishedFindings(path: string, text: string): readonly string[] {
  return text.split('\n').flatMap((line, index) => {
    const mark = UNFINISHED.exec(line)?.[0];
    return mark === undefined ? [] : [`${path}:${index + 1} says ${mark}: do it, or open an issue`];
  });
}

/** Module-level state that is right, as `file name` → why. */
export type StateAllowance = ReadonlyMap<string, string>;

/**
 * Findings for module-level state of the SDK (I11): a `let` or `var`, or a collection that starts empty, which can be
 * there only to be filled later. `used` collects the allowances that were needed.
 */
export function moduleStateFindings(
  source: Source,
  allowed: StateAllowance,
  used = new Set<string>(),
): readonly string[] {
  if (!isIn(source.path, SDK_FOLDERS)) return [];
  const findings: string[] = [];
  for (const statement of source.tree.statements) {
    if (!ts.isVariableStatement(statement)) continue;
    const isConstant = (statement.declarationList.flags & ts.NodeFlags.Const) !== 0;
    for (const declaration of statement.declarationList.declarations) {
      if (isConstant && (isReadonly(declaration.type) || !isEmptyCollection(declaration.initializer))) continue;
      const key = `${source.path} ${declaration.name.getText()}`;
      if (allowed.has(key)) used.add(key);
      else
        findings.push(
          `${place(source, declaration)} ${declaration.name.getText()} is module state: put it into an instance`,
        );
    }
  }
  return findings;
}

/** Whether a declared type forbids changes: `readonly T[]`, `ReadonlyMap`, `ReadonlySet`, `Readonly<…>`. */
function isReadonly(type: ts.TypeNode | undefined): boolean {
  return type !== undefined && /^readonly\b|^Readonly/.test(type.getText());
}

const COLLECTIONS = new Set(['Map', 'Set', 'WeakMap', 'WeakSet', 'WeakRef', 'AsyncLocalStorage', 'LRUCache']);

function isEmptyCollection(node: ts.Expression | undefined): boolean {
  if (node === undefined) return false;
  if (ts.isArrayLiteralExpression(node)) return node.elements.length === 0;
  if (ts.isObjectLiteralExpression(node)) return node.properties.length === 0;
  if (!ts.isNewExpression(node) || !ts.isIdentifier(node.expression)) return false;
  const isKeyed = node.expression.text === 'Map' || node.expression.text === 'Set';
  return COLLECTIONS.has(node.expression.text) && (!isKeyed || (node.arguments ?? []).length === 0);
}

/** A finding for every test that is skipped, focused or only planned. `skipIf` and `runIf` state their condition and pass. */
export function switchedOffTestFindings(source: Source): readonly string[] {
  if (!source.path.startsWith('test/')) return [];
  const findings: string[] = [];
  everyNode(source.tree, (node) => {
    if (!ts.isPropertyAccessExpression(node)) return;
    const owner = node.expression.getText();
    const isRunner = /^(it|test|describe)(\.\w+)*$/.test(owner);
    if (isRunner && /^(only|skip|todo|fails)$/.test(node.name.text)) {
      findings.push(`${place(source, node)} ${owner}.${node.name.text}: every test runs`);
    }
  });
  return findings;
}

/** The titles of every test and suite in a file. */
export function testTitles(source: Source): readonly string[] {
  const titles: string[] = [];
  everyNode(source.tree, (node) => {
    if (!ts.isCallExpression(node) || node.arguments.length === 0) return;
    const callee = node.expression.getText();
    const title = node.arguments[0]!;
    if (!/^(it|test|describe)\b/.test(callee)) return;
    if (ts.isStringLiteralLike(title) || ts.isTemplateExpression(title)) titles.push(title.getText());
  });
  return titles;
}
