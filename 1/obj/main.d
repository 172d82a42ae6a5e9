1/obj/main.o: tracer/main.c tracer/cmd_doctor.h tracer/cmd_fields.h \
 tracer/cmd_view.h tracer/view.h bpf/event.h tracer/extcap.h \
 tracer/version.h
tracer/cmd_doctor.h:
tracer/cmd_fields.h:
tracer/cmd_view.h:
tracer/view.h:
bpf/event.h:
tracer/extcap.h:
tracer/version.h:
