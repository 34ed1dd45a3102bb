/** Do something with each item, also where it fails for some; throws what failed first when all had their turn. */
export function eachInTurn<T>(items: Iterable<T>, act: (item: T) => void): void {
  const failures: unknown[] = [];
  for (const item of items) {
    try {
      act(item);
    } catch (error) {
      failures.push(error);
    }
  }
  if (failures.length > 0) throw failures[0];
}
