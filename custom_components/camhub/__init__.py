"""CamHub: cameras of six kinds as one."""
