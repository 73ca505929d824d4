/** The files of a form beside its fields: whoever reads a form keeps them apart, since they are no fields of JSON. */

const FILES = Symbol('fusewire.form-files');

/** One file of a form. */
export interface FormFile {
  readonly field: string;
  readonly bytes: number;
}

/** The fields of a form, with its files where only the bound of a call finds them. */
export function withFormFiles<T extends object>(fields: T, files: readonly FormFile[]): T {
  return Object.defineProperty(fields, FILES, { value: files, enumerable: false });
}

/** The files of a form; `undefined`: it is none that was read as such. */
export function formFilesOf(fields: object): readonly FormFile[] | undefined {
  return (fields as { readonly [FILES]?: readonly FormFile[] })[FILES];
}
