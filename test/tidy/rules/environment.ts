/** The environment: what is declared in the tables, what the code names, and what `.env.example` lists are the same. */
import ts from 'typescript';
import { everyNode, place, type Source } from '../support/syntax.js';

/** What a table of variables says of one of them. */
export interface VariableRow {
  readonly name: string;
  readonly aliases?: readonly string[];
  readonly fallback?: string;
  readonly meaning: string;
}

/** The names that a `.env` file sets, or would set if a leading `#` went away; and those named as aliases. */
export function namesInEnvFile(text: string): ReadonlySet<string> {
  const names = new Set<string>();
  for (const line of text.split('\n')) {
    const assigned = /^#?\s*([A-Z][A-Z0-9_]*)=/.exec(line)?.[1];
    if (assigned !== undefined) names.add(assigned);
    const aliases = /^#.*\bAlso read: ([A-Z0-9_, ]+)\.$/.exec(line)?.[1];
    for (const alias of aliases?.split(', ') ?? []) names.add(alias);
  }
  return names;
}

/** Every name that the tables declare, aliases included. */
export function declaredNames(tables: readonly (readonly VariableRow[])[]): ReadonlySet<string> {
  return new Set(tables.flat().flatMap((row) => [row.name, ...(row.aliases ?? [])]));
}

/**
 * Findings for variables that the product reads or speaks of without declaring them: `env.NAME`, `env['NAME']`, and any
 * text that is nothing but the name of one of our variables.
 */
export function undeclaredVariableFindings(source: Source, declared: ReadonlySet<string>): readonly string[] {
  const findings: string[] = [];
  everyNode(source.tree, (node) => {
    const name = variableNamedBy(node);
    if (name !== undefined && !declared.has(name)) {
      findings.push(`${place(source, node)} ${name} is not declared in a table of variables`);
    }
  });
  return findings;
}

function variableNamedBy(node: ts.Node): string | undefined {
  if (ts.isPropertyAccessExpression(node)) return isEnvironment(node.expression) ? node.name.text : undefined;
  if (ts.isElementAccessExpression(node) && ts.isStringLiteralLike(node.argumentExpression)) {
    return isEnvironment(node.expression) ? node.argumentExpression.text : undefined;
  }
  return ts.isStringLiteralLike(node) && /^(REVENIUM|FUSEWIRE)_[A-Z0-9_]+$/.test(node.text) ? node.text : undefined;
}

function isEnvironment(node: ts.Expression): boolean {
  if (ts.isIdentifier(node)) return node.text === 'env';
  return ts.isPropertyAccessExpression(node) && node.name.text === 'env';
}
