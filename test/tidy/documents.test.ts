import { describe, expect, it } from 'vitest';
import { anchorsOf, existsInProject, linkFindings, linksOf } from './rules/documents.js';
import { projectFiles, textOf } from './support/project.js';

describe('the documents', () => {
  const documents = projectFiles().filter((path) => path.endsWith('.md'));

  it('are the ones that a newcomer looks for', () => {
    for (const name of ['README', 'ARCHITECTURE', 'CHANGELOG', 'CONTRIBUTING', 'SECURITY']) {
      expect(documents).toContain(`${name}.md`);
    }
    expect(textOf('LICENSE')).toMatch(/MIT License/);
  });

  it('have no relative link that leads nowhere', () => {
    const read = (path: string) => (existsInProject(path) ? textOf(path) : undefined);
    expect(documents.flatMap((path) => linkFindings(path, textOf(path), read, existsInProject))).toEqual([]);
  });

  it('name the two commands on the first screen of the README', () => {
    const firstScreen = textOf('README.md').split('\n').slice(0, 40).join('\n');
    expect(firstScreen).toContain('npm ci && npm start');
    expect(firstScreen).toContain('npm ci && npm test');
  });
});

describe('the rule on links', () => {
  const files: Record<string, string> = { 'docs/a.md': '# One two\n## `code` & more\n# One two', 'src/call.ts': '' };
  const find = (text: string, path = 'README.md') =>
    linkFindings(
      path,
      text,
      (name) => (name === path ? text : files[name]),
      (name) => name in files || name === path,
    );

  it('finds what does not exist', () => {
    expect(find('[a](docs/a.md) [c](./src/call.ts) [web](https://example.org/x) [m](mailto:a@b.c)')).toEqual([]);
    expect(find('[a](docs/b.md)')).toEqual(['README.md:1 docs/b.md does not exist']);
    expect(find('![a](picture.png "title")')).toHaveLength(1);
    expect(find('x\n\n[ref]: docs/b.md')).toEqual(['README.md:3 docs/b.md does not exist']);
    expect(find('<a href="docs/b.md">b</a>')).toHaveLength(1);
    expect(find('[up](../outside.md)')).toHaveLength(1);
    expect(find('[back](../README.md)', 'docs/a.md')).toHaveLength(1);
    expect(find('[a](a.md)', 'docs/c.md')).toEqual([]);
  });

  it('finds anchors without a heading', () => {
    expect(find('[a](docs/a.md#one-two) [b](docs/a.md#one-two-1) [c](docs/a.md#code--more)')).toEqual([]);
    expect(find('[a](docs/a.md#three)')).toEqual(['README.md:1 docs/a.md#three: no such heading']);
    expect(find('# Here\n[a](#here)')).toEqual([]);
    expect(find('# Here\n[a](#there)')).toHaveLength(1);
  });

  it('leaves code alone', () => {
    expect(linksOf('```\n[a](nowhere.md)\n```\n`[b](nowhere.md)`')).toEqual([]);
    expect([...anchorsOf('```\n# not a heading\n```\n# Real')]).toEqual(['real']);
  });
});
