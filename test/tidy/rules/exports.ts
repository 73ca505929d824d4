/** Named exports only, each documented where it is declared, and public entry points that list what they export. */
import { posix } from 'node:path';
import ts from 'typescript';
import { everyNode, isExported, place, type Source } from '../support/syntax.js';

/** Files whose tool insists on a default export, and one that stands in for a package that has one. */
const TOOL_CONFIGURATIONS = /(^|\/)vitest(\.[a-z]+)*\.config\.ts$|^test\/support\/fast-check\.ts$/;

/** A finding for every default export. */
export function defaultExportFindings(source: Source): readonly string[] {
  if (TOOL_CONFIGURATIONS.test(source.path)) return [];
  const findings: string[] = [];
  for (const statement of source.tree.statements) {
    const isDefault =
      ts.isExportAssignment(statement) ||
      (ts.canHaveModifiers(statement) &&
        (ts.getModifiers(statement) ?? []).some((one) => one.kind === ts.SyntaxKind.DefaultKeyword)) ||
      (ts.isExportDeclaration(statement) &&
        statement.exportClause !== undefined &&
        ts.isNamedExports(statement.exportClause) &&
        statement.exportClause.elements.some((one) => one.name.text === 'default'));
    if (isDefault) findings.push(`${place(source, statement)} exports a default: use a named export`);
  }
  return findings;
}

/** A finding for every `export * from`: what is public must be an explicit list. */
export function starExportFindings(source: Source): readonly string[] {
  return source.tree.statements
    .filter((one): one is ts.ExportDeclaration => ts.isExportDeclaration(one) && one.exportClause === undefined)
    .map((one) => `${place(source, one)} exports *: list the names`);
}

/** A finding for every exported declaration without a TSDoc comment that says something. */
export function undocumentedExportFindings(source: Source): readonly string[] {
  const findings: string[] = [];
  for (const [name, declaration] of exportedDeclarations(source)) {
    if (!isDocumented(declaration))
      findings.push(`${place(source, declaration)} ${name} is exported without a TSDoc comment`);
  }
  return findings;
}

/** Declarations that carry `export`, or that an `export { … }` of the same file names; overloads count once. */
function exportedDeclarations(source: Source): ReadonlyMap<string, ts.Node> {
  const declared = new Map<string, ts.Node>();
  const exported = new Map<string, ts.Node>();
  for (const statement of source.tree.statements) {
    for (const [name, node] of declarationsOf(statement)) {
      if (!declared.has(name) || isDocumented(node)) declared.set(name, node);
      if (isExported(statement)) exported.set(name, declared.get(name)!);
    }
  }
  for (const statement of source.tree.statements) {
    if (!ts.isExportDeclaration(statement) || statement.moduleSpecifier || !statement.exportClause) continue;
    if (!ts.isNamedExports(statement.exportClause)) continue;
    for (const element of statement.exportClause.elements) {
      const local = (element.propertyName ?? element.name).text;
      const node = declared.get(local);
      if (node !== undefined) exported.set(local, node);
    }
  }
  return exported;
}

function declarationsOf(statement: ts.Statement): readonly (readonly [string, ts.Node])[] {
  if (ts.isVariableStatement(statement)) {
    return statement.declarationList.declarations.map((one) => [one.name.getText(), statement] as const);
  }
  const isNamedStatement =
    ts.isFunctionDeclaration(statement) ||
    ts.isClassDeclaration(statement) ||
    ts.isInterfaceDeclaration(statement) ||
    ts.isTypeAliasDeclaration(statement) ||
    ts.isEnumDeclaration(statement) ||
    ts.isModuleDeclaration(statement);
  return isNamedStatement && statement.name ? [[statement.name.text, statement]] : [];
}

function isDocumented(node: ts.Node): boolean {
  return ts.getJSDocCommentsAndTags(node).some((one) => {
    if (!ts.isJSDoc(one)) return false;
    return (ts.getTextOfJSDocComment(one.comment) ?? '').trim() !== '' || (one.tags ?? []).length > 0;
  });
}

/** Looks a source up by its path from the root. */
export type SourceLookup = (path: string) => Source | undefined;

/**
 * Findings for one public entry point: every name it exports, followed through re-exports to its declaration, must be
 * documented there. A name that cannot be followed is a finding too.
 */
export function entryPointFindings(entry: string, lookup: SourceLookup): readonly string[] {
  const source = lookup(entry);
  if (source === undefined) return [`${entry} does not exist, but package.json exports it`];
  const findings = [...starExportFindings(source), ...undocumentedExportFindings(source)];
  const imported = importedNames(source);
  for (const statement of source.tree.statements) {
    if (!ts.isExportDeclaration(statement) || !statement.exportClause || !ts.isNamedExports(statement.exportClause))
      continue;
    for (const element of statement.exportClause.elements) {
      const name = (element.propertyName ?? element.name).text;
      const module = statement.moduleSpecifier;
      const origin = module && ts.isStringLiteral(module) ? { from: module.text, name } : imported.get(name);
      if (origin === undefined) continue;
      const problem = followProblem(source.path, origin.from, origin.name, lookup);
      if (problem !== undefined) findings.push(`${place(source, element)} ${problem}`);
    }
  }
  return findings;
}

function importedNames(source: Source): ReadonlyMap<string, { from: string; name: string }> {
  const names = new Map<string, { from: string; name: string }>();
  everyNode(source.tree, (node) => {
    if (!ts.isImportSpecifier(node)) return;
    const module = node.parent.parent.parent.moduleSpecifier;
    if (!ts.isStringLiteral(module)) return;
    names.set(node.name.text, { from: module.text, name: (node.propertyName ?? node.name).text });
  });
  return names;
}

function followProblem(path: string, specifier: string, name: string, lookup: SourceLookup): string | undefined {
  if (!specifier.startsWith('.')) return `${name} comes from '${specifier}': only our own names are public`;
  const target = posix.join(posix.dirname(path), specifier).replace(/\.js$/, '.ts');
  const source = lookup(target);
  if (source === undefined) return `${name} comes from ${target}, which does not exist`;
  const declaration = exportedDeclarations(source).get(name);
  if (declaration !== undefined) {
    return isDocumented(declaration) ? undefined : `${name} (${place(source, declaration)}) has no TSDoc comment`;
  }
  for (const statement of source.tree.statements) {
    if (!ts.isExportDeclaration(statement) || !statement.moduleSpecifier) continue;
    if (!ts.isStringLiteral(statement.moduleSpecifier) || !statement.exportClause) continue;
    if (!ts.isNamedExports(statement.exportClause)) continue;
    const element = statement.exportClause.elements.find((one) => one.name.text === name);
    if (element === undefined) continue;
    const original = (element.propertyName ?? element.name).text;
    return followProblem(source.path, statement.moduleSpecifier.text, original, lookup);
  }
  const origin = importedNames(source).get(name);
  if (origin !== undefined) return followProblem(source.path, origin.from, origin.name, lookup);
  return `${name} is not declared in ${target}`;
}

/** The source file behind one target of package.json's exports, as a path from the root. */
export function sourceOfTarget(target: string, folder = ''): string {
  const path = target
    .replace(/^\.\//, '')
    .replace(/^dist\/(esm\/|cjs\/)?/, '')
    .replace(/\.d\.ts$|\.js$/, '.ts');
  return posix.join(folder, path);
}
