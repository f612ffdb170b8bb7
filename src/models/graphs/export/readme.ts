import type { Preset } from '../../presets/preset.js';

/** What lies beside the files, for who opens the folder. `card` is what the weights say of themselves. */
export function readme(preset: Preset, { card, license }: Readonly<Record<string, string>>): string {
  const { name, frames, side, height = side, low } = preset;
  return `# ${name}, as ONNX

${low ? 'Enlarges and smooths videos' : 'Draws videos'} of ${frames} frames of ${side}x${height} pixels from a prompt of words and images. Written by \`vimi export\`.

| file | |
|---|---|
| prompt.onnx | reads the prompt: once for each branch of guidance |
| denoise.onnx | a denoising step, of one branch |
| manifest.json | what both take and give, by name: shape, meaning, range; the formulas around them; the sampler's defaults |
| *.example.safetensors | inputs, and what vimi computed from them: to see whether a runtime gives the same |
${preset.encoder.external ? '' : '| words.json | how the words that the model knows are written into the input `words` |\n'}| card.json | how the weights were trained |

The files hold their weights and need nothing but operators of ONNX, version 17. A step in Python:

\`\`\`python
import onnxruntime, safetensors.numpy
networks = {name: onnxruntime.InferenceSession(f"{name}.onnx") for name in ("prompt", "denoise")}

def run(name, given):
    session = networks[name]
    names = [port.name for port in session.get_outputs()]
    return dict(zip(names, session.run(names, {port.name: given[port.name] for port in session.get_inputs()})))

prompt = run("prompt", safetensors.numpy.load_file("prompt.example.safetensors"))
step = run("denoise", safetensors.numpy.load_file("denoise.example.safetensors") | prompt)
print(step["f"].shape)
\`\`\`

Guidance runs both networks on each branch, \`present\` and, of models that follow clips, \`follows\` being 0 for what the branch does not see, and each branch carries its own
latents: D = D(nothing) + g_text (D(text) - D(nothing)) + g_image (D(all) - D(text)). The branch of the text sees images as background or first frame, too.
${license === undefined ? '' : `\nLicence of the weights: ${license}.\n`}${card === undefined ? '\nThe weights say nothing of how they were trained.\n' : ''}`;
}
