1/obj/cmd_doctor.o: tracer/cmd_doctor.c tracer/cmd_doctor.h \
 tracer/attach.h tracer/hooks.h bpf/config.h bpf/event.h tracer/outbuf.h \
 tracer/privs.h tracer/skel.h 1/tcplens.skel.h
tracer/cmd_doctor.h:
tracer/attach.h:
tracer/hooks.h:
bpf/config.h:
bpf/event.h:
tracer/outbuf.h:
tracer/privs.h:
tracer/skel.h:
1/tcplens.skel.h:
