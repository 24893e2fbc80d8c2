FROM scratch AS releases
