// Sends a file to /api/v1/uploads piece by piece, so that it never passes through a page script.
const SIZES = ["bytes", "KB", "MB", "GB"];

function size(bytes) {
  let step = 0;
  while (bytes >= 1024 && step < SIZES.length - 1) {
    bytes /= 1024;
    step += 1;
  }
  return `${step ? bytes.toFixed(1) : bytes} ${SIZES[step]}`;
}

function problemOf(request) {
  try {
    const { message } = JSON.parse(request.responseText).error;
    return message.replace(/^[a-z]+(?=[ ,])/, (word) => word[0].toUpperCase() + word.slice(1)) + ".";
  } catch {
    return `The file was not taken (${request.status || "no connection"}); try again.`;
  }
}

export default function ({ parentElement, data, setTriggerValue }) {
  const at = (name) => parentElement.querySelector(`.${name}`);
  const [zone, input, hint, bar, problem] = ["zone", "file", "hint", "bar", "problem"].map(at);
  const limit = data.limit_mb * 1024 * 1024;
  if (!zone.dataset.busy) hint.textContent = data.name || data.hint;

  function fail(words) {
    delete zone.dataset.busy;
    bar.hidden = true;
    problem.hidden = false;
    problem.textContent = words;
    hint.textContent = data.name || data.hint;
  }

  function send(file) {
    problem.hidden = true;
    if (file.size > limit) {
      fail(`${file.name} is larger than ${data.limit_mb} MB. ${data.remedy}`);
      return;
    }
    zone.dataset.busy = "yes";
    bar.hidden = false;
    const request = new XMLHttpRequest();
    request.upload.onprogress = (event) => {
      const share = event.total ? event.loaded / event.total : 0;
      bar.firstElementChild.style.width = `${100 * share}%`;
      hint.textContent = `${file.name}: ${size(event.loaded)} of ${size(file.size)}`;
    };
    request.onload = () => {
      if (request.status !== 201) {
        fail(problemOf(request));
        return;
      }
      delete zone.dataset.busy;
      bar.hidden = true;
      hint.textContent = `${file.name}, ${size(file.size)}`;
      setTriggerValue("uploaded", JSON.parse(request.responseText));
    };
    request.onerror = () => fail(problemOf(request));
    request.open("POST", `/api/v1/uploads?name=${encodeURIComponent(file.name)}`);
    request.setRequestHeader("Content-Type", "application/octet-stream");
    request.send(file);
  }

  input.onchange = () => {
    if (input.files.length) send(input.files[0]);
    input.value = "";
  };
  zone.ondragover = (event) => {
    event.preventDefault();
    zone.classList.add("over");
  };
  zone.ondragleave = () => zone.classList.remove("over");
  zone.ondrop = (event) => {
    event.preventDefault();
    zone.classList.remove("over");
    if (event.dataTransfer.files.length) send(event.dataTransfer.files[0]);
  };
}
