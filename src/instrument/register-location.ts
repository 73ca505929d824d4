/** Where this package lies, in both builds: `import.meta` exists in one of them only, `__filename` in the other. */

/** The URL or path of this very file, or `undefined` where a bundler or another tool hides it. Never throws. */
export function ownLocation(): string | undefined {
  const { prepareStackTrace, stackTraceLimit } = Error;
  try {
    Error.stackTraceLimit = 1;
    Error.prepareStackTrace = (_error, sites) => sites[0]?.getFileName() ?? undefined;
    const location: unknown = new Error('location').stack;
    return typeof location === 'string' && /^(file:|\/|[A-Za-z]:[\\/])/.test(location) ? location : undefined;
  } catch {
    return undefined;
  } finally {
    Error.prepareStackTrace = prepareStackTrace;
    Error.stackTraceLimit = stackTraceLimit;
  }
}
