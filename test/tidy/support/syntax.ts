/** Parsed source files, and the few questions that several rules ask of a syntax tree. */
import ts from 'typescript';
import { isScript, projectFiles, textOf } from './project.js';

/** One parsed file. `path` is relative to the root, with forward slashes. */
export interface Source {
  readonly path: string;
  readonly text: string;
  readonly tree: ts.SourceFile;
}

/** Parses `text` as the file `path`; the file need not exist. */
export function parse(path: string, text: string): Source {
  return { path, text, tree: ts.createSourceFile(path, text, ts.ScriptTarget.ES2022, true) };
}

/** Every JavaScript and TypeScript file of the project, parsed. */
export function projectSources(): readonly Source[] {
  return projectFiles()
    .filter(isScript)
    .map((path) => parse(path, textOf(path)));
}

/** Calls `visit` on every node under `root`, parents first. */
export function everyNode(root: ts.Node, visit: (node: ts.Node) => void): void {
  visit(root);
  ts.forEachChild(root, (child) => everyNode(child, visit));
}

/** `path:line` of a node, for a finding that an editor can open. */
export function place(source: Source, node: ts.Node): string {
  const { line } = source.tree.getLineAndCharacterOfPosition(node.getStart(source.tree));
  return `${source.path}:${line + 1}`;
}

/** Whether the statement carries `export`. */
export function isExported(node: ts.Node): boolean {
  return (
    ts.canHaveModifiers(node) && (ts.getModifiers(node) ?? []).some((one) => one.kind === ts.SyntaxKind.ExportKeyword)
  );
}

/** One module that a file names: by import, re-export, dynamic import, require or an import type. */
export interface ModuleReference {
  readonly specifier: string;
  /** Nothing of it remains at run time. */
  readonly typeOnly: boolean;
  /** `import()`: resolved when it runs. */
  readonly dynamic: boolean;
  readonly node: ts.Node;
}

/** Every module that a file names. */
export function moduleReferences(source: Source): readonly ModuleReference[] {
  const found: ModuleReference[] = [];
  everyNode(source.tree, (node) => {
    const reference = referenceOf(node);
    if (reference !== undefined) found.push({ ...reference, node });
  });
  return found;
}

function referenceOf(node: ts.Node): Omit<ModuleReference, 'node'> | undefined {
  if (ts.isImportDeclaration(node) && ts.isStringLiteral(node.moduleSpecifier)) {
    return { specifier: node.moduleSpecifier.text, typeOnly: isTypeOnlyImport(node.importClause), dynamic: false };
  }
  if (ts.isExportDeclaration(node) && node.moduleSpecifier && ts.isStringLiteral(node.moduleSpecifier)) {
    const names = node.exportClause && ts.isNamedExports(node.exportClause) ? node.exportClause.elements : undefined;
    const typeOnly =
      node.isTypeOnly || (names !== undefined && names.length > 0 && names.every((one) => one.isTypeOnly));
    return { specifier: node.moduleSpecifier.text, typeOnly, dynamic: false };
  }
  if (ts.isImportTypeNode(node) && ts.isLiteralTypeNode(node.argument) && ts.isStringLiteral(node.argument.literal)) {
    return { specifier: node.argument.literal.text, typeOnly: true, dynamic: false };
  }
  if (ts.isImportEqualsDeclaration(node) && ts.isExternalModuleReference(node.moduleReference)) {
    const expression = node.moduleReference.expression;
    return ts.isStringLiteral(expression)
      ? { specifier: expression.text, typeOnly: node.isTypeOnly, dynamic: false }
      : undefined;
  }
  if (ts.isCallExpression(node) && node.arguments.length > 0) {
    const argument = node.arguments[0]!;
    const isImport = node.expression.kind === ts.SyntaxKind.ImportKeyword;
    const isRequire = ts.isIdentifier(node.expression) && node.expression.text === 'require';
    if ((isImport || isRequire) && ts.isStringLiteralLike(argument)) {
      return { specifier: argument.text, typeOnly: false, dynamic: isImport };
    }
  }
  return undefined;
}

function isTypeOnlyImport(clause: ts.ImportClause | undefined): boolean {
  if (clause === undefined) return false;
  if (clause.isTypeOnly) return true;
  if (clause.name !== undefined || clause.namedBindings === undefined) return false;
  const bindings = clause.namedBindings;
  return (
    ts.isNamedImports(bindings) && bindings.elements.length > 0 && bindings.elements.every((one) => one.isTypeOnly)
  );
}
