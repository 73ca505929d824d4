/** What can be wrong with a provider's definition. */

const FUNCTIONS = ['matches', 'readRequest', 'createUsageReader'] as const;
const KNOWN = new Set<string>(['name', 'methods', 'throwing', 'tokenConvention', ...FUNCTIONS]);
const METHOD = /^[^.\s]+(\.[^.\s]+)*$/;

/** Every problem of a definition, in words; empty where there is none. */
export function definitionProblems(definition: unknown): string[] {
  if (typeof definition !== 'object' || definition === null) return ['a provider definition must be an object'];
  const fields = definition as Record<string, unknown>;
  const problems: string[] = [];
  if (typeof fields['name'] !== 'string' || fields['name'].trim() === '') problems.push('name must be a text');
  for (const name of FUNCTIONS) {
    if (typeof fields[name] !== 'function') problems.push(`${name} must be a function`);
  }
  problems.push(...methodProblems(fields));
  problems.push(...conventionProblems(fields['tokenConvention']));
  // Methods of a class instance are no own keys: only what was written out can be a mistyped name.
  for (const name of Object.keys(fields)) {
    if (!KNOWN.has(name)) problems.push(`${name} is not a field of a provider definition`);
  }
  return problems;
}

function methodProblems({ methods, throwing }: Record<string, unknown>): string[] {
  if (!Array.isArray(methods) || methods.length === 0) return ['methods must name at least one method'];
  const problems: string[] = [];
  const seen = new Set<unknown>();
  for (const method of methods) {
    if (typeof method !== 'string' || !METHOD.test(method)) {
      problems.push(`methods: ${JSON.stringify(method)} is not a path such as 'chat.complete'`);
    } else if (seen.has(method)) problems.push(`methods: '${method}' is named twice`);
    seen.add(method);
  }
  if (throwing === undefined) return problems;
  if (!Array.isArray(throwing)) return [...problems, 'throwing must be a list of methods'];
  for (const method of throwing) {
    if (!seen.has(method)) problems.push(`throwing: ${JSON.stringify(method)} is not one of methods`);
  }
  return problems;
}

function conventionProblems(convention: unknown): string[] {
  if (convention === undefined) return [];
  if (typeof convention !== 'object' || convention === null) return ['tokenConvention must be an object'];
  return ['cacheRead', 'cacheWrite', 'reasoning'].flatMap((name) => {
    const value: unknown = Reflect.get(convention, name);
    return value === 'inside' || value === 'outside' ? [] : [`tokenConvention.${name} must be 'inside' or 'outside'`];
  });
}
