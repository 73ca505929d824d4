/**
 * The fields of a `multipart/form-data` body, by the strict form that browsers and official clients write. Whatever two
 * parsers could take apart in two ways is refused, since the upstream's is another one than this.
 */

/** A field that is text. */
export interface FormText {
  readonly name: string;
  readonly value: string;
}

/** What a form holds. */
export interface Form {
  readonly texts: readonly FormText[];
  readonly files: readonly { readonly field: string; readonly bytes: number }[];
  /** Where the value of the field `model` stands. */
  readonly model: { readonly start: number; readonly end: number } | undefined;
}

/** No API takes so many. */
const PARTS_MAX = 128;
const HEAD_BYTES_MAX = 4_096;
const TEXT_BYTES_MAX = 1_048_576;
const CRLF = '\r\n';
const HEAD_END = Buffer.from('\r\n\r\n');

const BOUNDARY =
  /^multipart\/form-data;\s*boundary=(?:"([A-Za-z0-9'()+_,\-./:=? ]{1,70})"|([A-Za-z0-9'+_\-.]{1,70}))\s*$/i;
/** No escapes, no second spelling of a name. */
const DISPOSITION =
  /^content-disposition: *form-data; *name="([A-Za-z0-9_.[\]-]{1,64})"(; *filename="[^"\\\r\n]*"(; *filename\*=[^;\r\n]*)?)?$/i;
const OTHER_HEADER =
  /^(content-type: *[\w.+/-]+(; *charset="?utf-8"?)?|content-transfer-encoding: *(binary|8bit|7bit)|content-length: *\d+)$/i;

/** Reads it, or says what is wrong, as the end of a sentence that begins with "the body". */
export function readForm(raw: Buffer, contentType: string): Form | string {
  const found = BOUNDARY.exec(contentType.trim());
  const boundary = found?.[1] ?? found?.[2];
  if (boundary === undefined) return 'is no form whose boundary can be read from content-type';
  const opening = Buffer.from(`--${boundary}`);
  if (raw.indexOf(opening) !== 0) return 'is a form that does not begin with its boundary';
  const line = Buffer.from(`${CRLF}--${boundary}`);
  const texts: FormText[] = [];
  const files: { field: string; bytes: number }[] = [];
  let model: Form['model'];
  let at = opening.length;
  for (let count = 0; ; count += 1) {
    if (raw[at] === 45 && raw[at + 1] === 45) return endsThere(raw, at + 2) ? { texts, files, model } : TRAILING;
    if (raw[at] !== 13 || raw[at + 1] !== 10) return 'is a form with a line that only begins like its boundary';
    if (count >= PARTS_MAX) return `is a form of more than ${PARTS_MAX} parts`;
    const headStart = at + 2;
    const headEnd = raw.indexOf(HEAD_END, headStart);
    const end = raw.indexOf(line, headStart - 2);
    if (headEnd === -1 || end === -1 || end < headEnd + 4 || headEnd - headStart > HEAD_BYTES_MAX) {
      return 'is a form that ends in the middle of a part';
    }
    const head = readHead(raw.toString('latin1', headStart, headEnd));
    if (head === undefined) return 'is a form with a part whose header can be read in several ways';
    const start = headEnd + 4;
    if (head.isFile) files.push({ field: head.name, bytes: end - start });
    else if (end - start > TEXT_BYTES_MAX) return 'is a form with a text of more than 1 MiB';
    else {
      texts.push({ name: head.name, value: raw.toString('utf8', start, end) });
      if (head.name === 'model') model = { start, end };
    }
    at = end + line.length;
  }
}

const TRAILING = 'is a form with something behind its end';

function endsThere(raw: Buffer, at: number): boolean {
  return at === raw.length || (raw.length === at + 2 && raw[at] === 13 && raw[at + 1] === 10);
}

function readHead(text: string): { readonly name: string; readonly isFile: boolean } | undefined {
  let found: { readonly name: string; readonly isFile: boolean } | undefined;
  for (const header of text.split(CRLF)) {
    const disposition = DISPOSITION.exec(header);
    if (disposition === null) {
      if (!OTHER_HEADER.test(header)) return undefined;
      continue;
    }
    if (found !== undefined) return undefined;
    found = { name: disposition[1]!, isFile: disposition[2] !== undefined };
  }
  // Tells some parsers in which characters the others are written.
  return found?.name === '_charset_' ? undefined : found;
}
