"""The main job on one machine: emulator, gateway, an audio endpoint and a client, all real."""
