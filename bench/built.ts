/** The built code: tsx wraps functions, which costs more than some of what is measured. `npm run build` makes it. */

/** Loads a module of the service's build, or `internal.js` of the SDK's. */
export function built<T>(path: string): Promise<T> {
  const file = path === 'internal.js' ? '../dist/esm/src/internal.js' : `../service/dist/${path}`;
  return import(new URL(file, import.meta.url).href) as Promise<T>;
}

/** Loads any module of the SDK's build by the path of its source, whose types it has. */
export function builtModule<T>(source: string): Promise<T> {
  return import(new URL(`../dist/esm/${source.replace(/\.ts$/, '.js')}`, import.meta.url).href) as Promise<T>;
}
