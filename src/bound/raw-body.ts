/** A body that came as bytes: they bound its text as they are, names and braces paying for what a template adds. */
import type { BoundBody } from './call-bound.js';

/** An escape of an ASCII character: nobody needs one, and a name could hide in it. */
const HIDDEN = Buffer.from('\\u00');
const AUDIO = Buffer.from('audio');
const CACHE_CONTROL = Buffer.from('cache_control');
const AN_HOUR = Buffer.from('"1h"');

/** What a body of bytes tells; looked for only where it is asked. */
export function boundBodyOfBytes({
  raw,
  fields,
  parts,
  files,
}: Pick<BoundBody, 'fields' | 'parts' | 'files'> & { readonly raw: Buffer }): BoundBody {
  return {
    bytes: raw.length,
    fields,
    parts,
    files,
    cachesAsked() {
      if (raw.includes(HIDDEN)) return 'long';
      if (!raw.includes(CACHE_CONTROL)) return 'none';
      return raw.includes(AN_HOUR) ? 'long' : 'short';
    },
    mentionsSound: () => raw.includes(AUDIO) || raw.includes(HIDDEN),
  };
}
