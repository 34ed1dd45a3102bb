/**
 * A program's own values on a handle, by name. Names beginning with `_` are reserved. A walk with `first` and
 * `next` goes over the names whose value is not null, in no stated order; setting a value ends it.
 */
export class PrivateData {
  readonly #values = new Map<string, unknown>();
  #walk: Iterator<[string, unknown]> | undefined;

  /** Set a value; null or undefined removes it. The old value is forgotten, not closed. */
  set(key: string, value: unknown): void {
    if (typeof key !== 'string') throw new TypeError('setPrivate: key must be a string');
    this.#walk = undefined;
    if (value === null || value === undefined) this.#values.delete(key);
    else this.#values.set(key, value);
  }

  get(key: string): unknown {
    return this.#values.get(key) ?? null;
  }

  /** Begin a walk: the first name and value, or null if there is none. */
  first(): [string, unknown] | null {
    this.#walk = this.#values.entries();
    return this.next();
  }

  /** The next name and value of the walk, or null at its end or where none was begun. */
  next(): [string, unknown] | null {
    const step = this.#walk?.next();
    return step === undefined || step.done ? null : step.value;
  }

  entries(): IterableIterator<[string, unknown]> {
    return new Map(this.#values).entries();
  }
}
