/** Texts that are cut: never within a character, and to a length that an index of PostgreSQL takes. */

/** UTF-8 bytes. An index entry of PostgreSQL has at most 2,704; in lower case a text may be half as long again. */
export const TEXT_BYTES_MAX = 1_536;

/** The beginning of `text`: at most `charactersMax` UTF-16 code units and `bytesMax` bytes. Half a pair is left out. */
export function cutText(text: string, charactersMax: number, bytesMax: number = TEXT_BYTES_MAX): string {
  const cut = text.length > charactersMax ? text.slice(0, charactersMax).replace(/[\ud800-\udbff]$/, '') : text;
  if (cut.length * 3 <= bytesMax || Buffer.byteLength(cut) <= bytesMax) return cut;
  // A decoder that expects more keeps an incomplete character to itself.
  return new TextDecoder('utf-8', { ignoreBOM: true }).decode(Buffer.from(cut).subarray(0, bytesMax), { stream: true });
}
