/** A text whose numbers stay on one line with their percent signs; what is copied of it is the plain text. */
export function Unbroken({ text }: { text: string }) {
  return text.split(/(\S+ %)/).map((part, index) =>
    index % 2 === 0 ? (
      part
    ) : (
      // biome-ignore lint/suspicious/noArrayIndexKey: the parts of one text have no other identity
      <span key={index} className="unbroken">
        {part}
      </span>
    ),
  );
}
