// Greedy answers of llama.cpp, by node-llama-cpp's prebuilt program: tokens in, tokens out, as JSON.
//   node llama_cpp.mjs MODULES MODEL PROMPTS.json LONGEST [ADAPTER]
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { pathToFileURL } from "node:url";

const [modules, modelPath, prompts, longest, adapter] = process.argv.slice(2);
const found = createRequire(`${modules}/`).resolve("node-llama-cpp");
const { getLlama } = await import(pathToFileURL(found));

const llama = await getLlama({ gpu: false, build: "never", skipDownload: true, logLevel: "error", maxThreads: 1 });
const model = await llama.loadModel({ modelPath });
const lora = adapter ? { lora: { adapters: [{ filePath: adapter, scale: 1 }] } } : {};
const context = await model.createContext({ contextSize: 512, threads: 1, ...lora });
const answers = [];
for (const text of JSON.parse(readFileSync(prompts, "utf8"))) {
  const sequence = context.getSequence();
  const prompt = model.tokenize(text, true);
  const answer = [];
  for await (const token of sequence.evaluate(prompt, { temperature: 0 })) {
    if (model.isEogToken(token) || answer.push(token) === Number(longest)) break;
  }
  answers.push({ prompt, answer });
  sequence.dispose();
}
process.stdout.write(JSON.stringify(answers), () => process.exit(0));
