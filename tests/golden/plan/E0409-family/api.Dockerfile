FROM scratch AS release
