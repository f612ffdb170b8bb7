/**
 * Takes the files that are chosen in a field, and those that are dropped on what is around it or pasted there.
 * @param {HTMLElement} around
 * @param {HTMLInputElement} field
 * @param {(files: File[]) => void} onFiles
 */
export function takeFiles(around, field, onFiles) {
  field.addEventListener('change', () => {
    onFiles([...(field.files ?? [])]);
    field.value = '';
  });
  around.addEventListener('paste', (event) => onFiles([...(event.clipboardData?.files ?? [])]));
  around.addEventListener('dragover', (event) => {
    if (!event.dataTransfer?.types.includes('Files')) return;
    event.preventDefault();
    around.classList.add('dropping');
  });
  for (const name of ['dragleave', 'drop']) around.addEventListener(name, () => around.classList.remove('dropping'));
  around.addEventListener('drop', (event) => {
    if (!event.dataTransfer?.files.length) return;
    event.preventDefault();
    onFiles([...event.dataTransfer.files]);
  });
}
