// The rater's home: shows what is true now when one comes back to it, and logs out.
addEventListener("pageshow", (event) => {
  if (event.persisted) {
    location.reload();
  }
});

const leave = document.getElementById("leave");
leave?.addEventListener("click", async () => {
  leave.disabled = true;
  try {
    await fetch("/leave", { method: "POST" });
  } finally {
    location.assign("/");
  }
});
