/** Where a place of Python's is in the code as it is shown. Pure. */

type Place = { line: number; column: number; endLine: number; endColumn: number };

/**
 * Python ends lines at a lone carriage return, too, and skips a byte order mark; what is shown has a sign for either
 * (shown-text.ts). Columns in code points, lines and columns from 1.
 */
export function shownPlaces(text: string): <P extends Place>(place: P) => P {
  const starts = [...lineStarts(text)];
  const of = (line: number, column: number): { line: number; column: number } => {
    const start = starts[line - 1];
    return start === undefined ? { line, column } : { line: start.line, column: start.column + column - 1 };
  };
  return (place) => {
    const [begin, end] = [of(place.line, place.column), of(place.endLine, place.endColumn)];
    return { ...place, line: begin.line, column: begin.column, endLine: end.line, endColumn: end.column };
  };
}

/** Of each of Python's lines: where it begins in what is shown. */
function* lineStarts(text: string): Generator<{ line: number; column: number }> {
  let from = text.startsWith("\u{FEFF}") ? 1 : 0;
  let [line, column] = [1, from + 1];
  yield { line, column };
  for (const { 0: end, index } of text.matchAll(/\r\n|\r|\n/g)) {
    if (end === "\r") column += Array.from(text.slice(from, index)).length + 1;
    else [line, column] = [line + 1, 1];
    from = index + end.length;
    yield { line, column };
  }
}
