/** The SDK itself, for a service that tries its own installation with it. */

/** Loads the SDK when it is asked for: most commands of a service never need it. */
export async function loadSdk() {
  const [{ createFusewireOn }, { VERSION }] = await Promise.all([import('./instance.js'), import('./version.js')]);
  return { createFusewireOn, version: VERSION };
}
