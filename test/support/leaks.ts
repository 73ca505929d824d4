/** What keeps a process alive that nobody closed: servers, child processes, timers, workers. Unref'd ones do not count. */
const WATCHED: ReadonlySet<string> = new Set(['TCPServerWrap', 'PipeServerWrap', 'ProcessWrap', 'Timeout', 'Worker']);

/** The names of the watched resources that are open now, one each. */
export function openResources(): readonly string[] {
  return process.getActiveResourcesInfo().filter((name) => WATCHED.has(name));
}

/** What is open now and was not before. */
export function leakedSince(before: readonly string[]): readonly string[] {
  const leaked = [...openResources()];
  for (const name of before) {
    const index = leaked.indexOf(name);
    if (index >= 0) leaked.splice(index, 1);
  }
  return leaked.sort();
}
