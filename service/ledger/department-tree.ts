/** The departments of a team as trees. Pure. */

/** A department as it is kept. */
export interface Department {
  /** Unique in the whole installation, so that it never names two. */
  readonly id: number;
  readonly name: string;
  readonly parentId: number | null;
  /** `MANUAL`, or the system that it came from. */
  readonly source: string;
  readonly externalRef: string | null;
}

/** Deeper trees are a mistake (I10). */
export const DEPTH_MAX = 20;

/** Answers questions about ancestry. Unknown ids have no ancestors. */
export class DepartmentTree {
  readonly departments: readonly Department[];
  readonly #byId: ReadonlyMap<number, Department>;

  constructor(departments: readonly Department[]) {
    this.departments = departments;
    this.#byId = new Map(departments.map((department) => [department.id, department]));
  }

  get(id: number): Department | undefined {
    return this.#byId.get(id);
  }

  /** From the root down to the department itself; empty for an unknown id. */
  lineOf(id: number): readonly Department[] {
    const line: Department[] = [];
    for (let at = this.#byId.get(id); at !== undefined && line.length <= DEPTH_MAX; ) {
      line.unshift(at);
      at = at.parentId === null ? undefined : this.#byId.get(at.parentId);
    }
    return line;
  }

  /** `Company/Research/Field`, for people. */
  pathOf(id: number): string {
    return this.lineOf(id)
      .map(({ name }) => name)
      .join('/');
  }

  /** Whether `id` is `ancestor` or lies below it. */
  isWithin(id: number, ancestor: number): boolean {
    return this.lineOf(id).some((department) => department.id === ancestor);
  }

  childrenOf(parentId: number): readonly Department[] {
    return this.departments.filter((department) => department.parentId === parentId);
  }

  /** `id` and everything below it. */
  withDescendants(id: number): readonly number[] {
    return this.departments.filter((department) => this.isWithin(department.id, id)).map((department) => department.id);
  }
}
