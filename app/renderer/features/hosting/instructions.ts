/** How a file is put on a host by hand: for those that Crusader does not publish to. Pure. */

export type Instruction = { title: string; text: string; commands: string };

/** For a POSIX shell. `sha256` of the file, once it is known: its beginning makes a name that was never used. */
export function instructions(fileName: string, sha256: string | null): Instruction[] {
  const file = word(fileName);
  const newName = sha256 === null ? "NEW-NAME.py" : `${sha256.slice(0, 8)}.py`;
  return [
    {
      title: "A gist, with GitHub's own program",
      text: "Secret, unless --public is added. It prints the URL.",
      commands: `gh gist create ${file}`,
    },
    {
      title: "A bucket",
      text: "Any that speaks S3 and hands files out without signing in. A short name of the bucket leaves room in the commitment.",
      commands: `aws s3 cp ${file} s3://BUCKET/${newName} --acl public-read`,
    },
    {
      title: "A web server of your own",
      text: "With a certificate that browsers take, and an IPv4 address on the internet.",
      commands: `scp ${file} HOST:/var/www/html/${newName}`,
    },
    {
      title: "Look whether it is the file, as the validator sees it",
      text: "Both say the same; the button above does it too.",
      commands: [`sha256sum ${file}`, "curl --fail --location --silent URL | sha256sum"].join("\n"),
    },
  ];
}

function word(fileName: string): string {
  // A name that begins so would be an option.
  const name = fileName.startsWith("-") ? `./${fileName}` : fileName;
  return /^[\w@%+=:,./-]+$/.test(name) ? name : `'${name.replaceAll("'", "'\\''")}'`;
}
