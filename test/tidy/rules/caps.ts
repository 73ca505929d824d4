/** Size caps: files that a reader takes in at once, functions that fit on a screen. */
import ts from 'typescript';
import { everyNode, place, type Source } from '../support/syntax.js';

/** Lines of a file, tests and everything else. */
export const FILE_LINES_MAX = { code: 400, test: 600 } as const;
/** Lines of a function, from its first to its last; tests are exempt. */
export const FUNCTION_LINES_MAX = 70;

/** Whether the caps for tests apply. */
const isTest = (path: string) => path.startsWith('test/');

/** A finding where the file is too long. */
export function fileCapFindings(source: Source): readonly string[] {
  const max = isTest(source.path) ? FILE_LINES_MAX.test : FILE_LINES_MAX.code;
  const lines = source.text.replace(/\n$/, '').split('\n').length;
  return lines > max ? [`${source.path} has ${lines} lines, at most ${max} are allowed`] : [];
}

/** A finding for every function that is too long. */
export function functionCapFindings(source: Source): readonly string[] {
  if (isTest(source.path)) return [];
  const findings: string[] = [];
  everyNode(source.tree, (node) => {
    if (!ts.isFunctionLike(node) || !('body' in node) || node.body === undefined) return;
    const first = source.tree.getLineAndCharacterOfPosition(node.getStart(source.tree)).line;
    const last = source.tree.getLineAndCharacterOfPosition(node.end).line;
    const lines = last - first + 1;
    if (lines > FUNCTION_LINES_MAX) {
      findings.push(
        `${place(source, node)} ${nameOf(node)} has ${lines} lines, at most ${FUNCTION_LINES_MAX} are allowed`,
      );
    }
  });
  return findings;
}

function nameOf(node: ts.SignatureDeclaration): string {
  if (node.name !== undefined) return node.name.getText();
  return ts.isVariableDeclaration(node.parent) ? node.parent.name.getText() : 'a function';
}
