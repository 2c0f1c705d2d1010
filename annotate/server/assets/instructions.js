// The instructions: little scales to try, and the word that they have been read.
const WORDS = {
  valence: ["very negative", "negative", "neither negative nor positive", "positive", "very positive"],
  arousal: ["very calm", "calm", "neither calm nor excited", "excited", "very excited"],
};

for (const trial of document.querySelectorAll(".try")) {
  const slider = trial.querySelector("input");
  const said = trial.querySelector("output");
  const faces = [...trial.querySelectorAll("img")];
  const words = WORDS[trial.dataset.dimension];
  const show = () => {
    const value = Number(slider.value);
    const nearest = Math.round((value + 10) / 5);
    faces.forEach((face, k) => face.classList.toggle("lit", k === nearest));
    slider.setAttribute("aria-valuetext", `${value}, ${words[nearest]}`);
    return `${value > 0 ? "+" : ""}${value}: ${words[nearest]}`;
  };
  show();
  slider.addEventListener("input", () => {
    said.textContent = show();
  });
}

const button = document.getElementById("read");
const wrong = document.getElementById("wrong");
button?.addEventListener("click", async () => {
  button.disabled = true;
  wrong.hidden = true;
  try {
    const answer = await fetch("/api/instructions", { method: "POST" });
    if (answer.ok) {
      location.assign("/");
      return;
    }
    const told = await answer.json().catch(() => ({}));
    wrong.textContent =
      answer.status === 401
        ? "You are logged out; come by your link again."
        : `The server could not note it: ${told.error ?? answer.status}. Try again, or tell the study's owner.`;
  } catch {
    wrong.textContent = "No connection; try again in a moment.";
  }
  wrong.hidden = false;
  button.disabled = false;
});
