// What tests/sandbox/test_node_package.py lets node do: today's `openai` package against a sandbox, told as JSON.
import { createRequire } from "node:module";
import { pathToFileURL } from "node:url";

const [folder, baseURL, png] = process.argv.slice(2);
const entry = createRequire(pathToFileURL(`${folder}/package.json`)).resolve("openai");
const { default: OpenAI, toFile } = await import(pathToFileURL(entry));
const client = new OpenAI({ baseURL, apiKey: "x", maxRetries: 0 });
const picture = () => toFile(Buffer.from(png, "base64"), "a.png", { type: "image/png" });
const start = (image) => Buffer.from(image.b64_json, "base64").subarray(0, 4).toString("latin1");
const model = "gpt-image-2.6-flare";

async function types(stream) {
  const seen = [];
  for await (const event of stream) seen.push(event.type);
  return seen;
}

async function refused(call) {
  try {
    await call;
    return null;
  } catch (error) {
    return [error.status, error.code, error.constructor.name];
  }
}

const made = await client.images.generate({ model, prompt: "a cat", output_format: "webp", n: 2 });
const edited = await client.images.edit({ model, prompt: "a pool", image: [await picture()], output_format: "jpeg" });
const drawn = await client.images.generate({ model, prompt: "a cat", output_format: "svg" });
const live = { model, prompt: "a cat", stream: true, partial_images: 2 };

console.log(
  JSON.stringify({
    generate: made.data.map(start),
    usage: made.usage.total_tokens > 0,
    edit: edited.data.map(start),
    svg: [drawn.data.map(start), drawn.svg_usage.total_tokens > 0],
    stream: await types(await client.images.generate(live)),
    edit_stream: await types(await client.images.edit({ ...live, image: await picture() })),
    unknown: await refused(client.images.generate({ model, prompt: "a cat", style: "vivid" })),
    blocked: await refused(client.images.generate({ model, prompt: "moderation_blocked" })),
    model: await refused(client.images.generate({ model: "none", prompt: "a cat" })),
  }),
);
