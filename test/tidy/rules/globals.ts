/** Time, chance, the environment and the network come through `Runtime`; nowhere else in the product (rule 14 of the style). */
import ts from 'typescript';
import { everyNode, place, type Source } from '../support/syntax.js';

/** The only product files that may touch these globals: they are where the outside world is injected. */
export const ALLOWED_FILES: ReadonlySet<string> = new Set([
  'src/runtime.ts',
  'src/config.ts',
  'service/runtime.ts',
  'service/config.ts',
]);

const FORBIDDEN_MEMBERS: ReadonlyMap<string, ReadonlySet<string>> = new Map([
  ['Date', new Set(['now'])],
  ['Math', new Set(['random'])],
  ['performance', new Set(['now', 'timeOrigin'])],
  ['process', new Set(['env', 'hrtime'])],
]);

/** Modules that hand out the same things under a name that the member check does not see. */
const FORBIDDEN_IMPORTS: ReadonlyMap<string, ReadonlySet<string>> = new Map([
  ['node:perf_hooks', new Set(['performance'])],
  ['node:process', new Set(['env', 'hrtime', 'default'])],
]);

/** A finding for every use of a forbidden global. */
export function globalFindings(source: Source): readonly string[] {
  if (ALLOWED_FILES.has(source.path)) return [];
  const findings: string[] = [];
  everyNode(source.tree, (node) => {
    const name = forbiddenName(node);
    if (name !== undefined) findings.push(`${place(source, node)} uses ${name}: take it from the Runtime`);
  });
  return findings;
}

function forbiddenName(node: ts.Node): string | undefined {
  if (ts.isPropertyAccessExpression(node)) return forbiddenMember(node.expression, node.name.text);
  if (ts.isElementAccessExpression(node) && ts.isStringLiteralLike(node.argumentExpression)) {
    return forbiddenMember(node.expression, node.argumentExpression.text);
  }
  if (ts.isNewExpression(node) && isNamed(node.expression, 'Date') && (node.arguments ?? []).length === 0) {
    return 'new Date()';
  }
  if (ts.isCallExpression(node) && isNamed(node.expression, 'Date')) return 'Date()';
  if (ts.isVariableDeclaration(node) && ts.isObjectBindingPattern(node.name) && node.initializer) {
    for (const element of node.name.elements) {
      const name = forbiddenMember(node.initializer, (element.propertyName ?? element.name).getText());
      if (name !== undefined) return name;
    }
  }
  if (ts.isImportSpecifier(node)) {
    const module = node.parent.parent.parent.moduleSpecifier;
    const name = (node.propertyName ?? node.name).text;
    if (ts.isStringLiteral(module) && FORBIDDEN_IMPORTS.get(module.text)?.has(name)) return `${module.text} ${name}`;
  }
  return ts.isIdentifier(node) && node.text === 'fetch' && isFreeReference(node) ? 'the global fetch' : undefined;
}

function forbiddenMember(object: ts.Expression, member: string): string | undefined {
  if (member === 'fetch' && isGlobalObject(object)) return 'the global fetch';
  // globalThis.process.env and the like: the last name before the member decides.
  const owner = ts.isPropertyAccessExpression(object) && isGlobalObject(object.expression) ? object.name : object;
  if (!ts.isIdentifier(owner)) return undefined;
  return FORBIDDEN_MEMBERS.get(owner.text)?.has(member) ? `${owner.text}.${member}` : undefined;
}

function isGlobalObject(node: ts.Expression): boolean {
  return isNamed(node, 'globalThis') || isNamed(node, 'global') || isNamed(node, 'self') || isNamed(node, 'window');
}

function isNamed(node: ts.Node, name: string): boolean {
  return ts.isIdentifier(node) && node.text === name;
}

/** Whether an identifier reads a variable that no scope around it declares: a global. */
function isFreeReference(node: ts.Identifier): boolean {
  const parent = node.parent;
  const isLabel =
    (ts.isBindingElement(parent) && parent.propertyName === node) ||
    ('name' in parent && parent.name === node && !ts.isShorthandPropertyAssignment(parent)) ||
    ts.isTypeNode(parent) ||
    ts.isTypeQueryNode(parent) ||
    ts.isImportSpecifier(parent) ||
    ts.isExportSpecifier(parent) ||
    ts.isQualifiedName(parent);
  return !isLabel && !isDeclaredAround(node);
}

function isDeclaredAround(node: ts.Identifier): boolean {
  for (let scope: ts.Node | undefined = node.parent; scope !== undefined; scope = scope.parent) {
    if (!ts.isFunctionLike(scope) && !ts.isBlock(scope) && !ts.isSourceFile(scope)) continue;
    let isDeclared = false;
    everyNode(scope, (inner) => {
      const declares =
        ts.isVariableDeclaration(inner) ||
        ts.isParameter(inner) ||
        ts.isBindingElement(inner) ||
        ts.isFunctionDeclaration(inner) ||
        ts.isImportSpecifier(inner);
      if (declares && inner.name !== undefined && isNamed(inner.name, node.text) && scopeOf(inner) === scope) {
        isDeclared = true;
      }
    });
    if (isDeclared) return true;
  }
  return false;
}

/** The function, block or file in which a declaration is visible. */
function scopeOf(declaration: ts.Node): ts.Node | undefined {
  let scope: ts.Node | undefined = declaration.parent;
  while (scope !== undefined && !ts.isFunctionLike(scope) && !ts.isBlock(scope) && !ts.isSourceFile(scope)) {
    scope = scope.parent;
  }
  return scope;
}
