/** What a person allows for one start: a box to tick. In a file of its own, as few starts need one. */
import { Checkbox } from "@mantine/core";

type AllowanceProps = { label: string; checked: boolean; onChange: (checked: boolean) => void };

export default function Allowance({ label, checked, onChange }: AllowanceProps) {
  return (
    <Checkbox
      size="xs"
      label={label}
      checked={checked}
      onChange={({ currentTarget }) => onChange(currentTarget.checked)}
    />
  );
}
