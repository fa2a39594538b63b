/** The candidate a person most likely meant (two letters or a third of them differ at most), or null. */
export function nearest(text: string, candidates: readonly string[]): string | null {
  const limit = text.length < 4 ? 1 : Math.max(2, Math.floor(text.length / 3));
  const scored = candidates
    .map((candidate) => ({
      candidate,
      edits: editDistance(text.toLowerCase(), candidate.toLowerCase()),
    }))
    .filter(({ edits }) => edits <= limit)
    .sort((a, b) => a.edits - b.edits);
  return scored[0]?.candidate ?? null;
}

/** Levenshtein: insertions, deletions and substitutions that lead from one text to the other. */
export function editDistance(from: string, to: string): number {
  let row = Array.from({ length: to.length + 1 }, (_, index) => index);
  for (let i = 0; i < from.length; i += 1) {
    row = nextRow(row, { char: from.charAt(i), to, first: i + 1 });
  }
  return row[to.length] ?? 0;
}

function nextRow(
  above: readonly number[],
  line: { readonly char: string; readonly to: string; readonly first: number },
): number[] {
  const row = [line.first];
  for (let j = 0; j < line.to.length; j += 1) {
    const substituted = (above[j] ?? 0) + (line.to[j] === line.char ? 0 : 1);
    row.push(Math.min(substituted, (above[j + 1] ?? 0) + 1, (row[j] ?? 0) + 1));
  }
  return row;
}
